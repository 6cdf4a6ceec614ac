"""crmkit brings a customer's companies and persons into a CRM, shows every outcome first, and can take it back.

Read `workspace.py` first: it is the door. `session.py` has one method per step of an import.
"""

__version__ = "0.1.0"
