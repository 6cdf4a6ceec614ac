"""Accounts on the internet from which contacts are fetched: Outlook and Gmail.

Each signs in as its service wants it, lists what there is to choose from, and writes the service's
answers to a file as they come. The file is then read like any other (`sources.graph`,
`sources.people`). Sign-ins are kept in the machine's keychain, or nowhere.
"""
