"""Reads workbooks, XML and Outlook data files in a process of its own, so that a hostile file costs a
message and no kernel.

`sources.spreadsheet` starts it and gives it a `Task`. It imports next to nothing else of ours, so that it
starts at once, and answers in lines of JSON: progress, and at last a result or a fault.
"""
