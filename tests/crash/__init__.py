"""Kills the program at many points and looks at what it leaves; many processes on one workspace.

python -m tests.crash --help
"""
