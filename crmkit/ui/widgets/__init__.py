"""The widgets of the screens: each shows plain data and calls back; none knows of a session.

They are plain browser modules, so the same widget runs in JupyterLab and in Voilà.
"""

from crmkit.ui.widgets.base import Component, Event
from crmkit.ui.widgets.chips import Chip, FilterChips
from crmkit.ui.widgets.comparison import ComparedField, ComparedSection, Comparison
from crmkit.ui.widgets.disclosure import Disclosure
from crmkit.ui.widgets.downloader import Downloader
from crmkit.ui.widgets.grid import Grid, GridColumn, GridKind, GridSource
from crmkit.ui.widgets.guard import ConnectionGuard
from crmkit.ui.widgets.location import Location
from crmkit.ui.widgets.mapping_table import MappingRow, MappingTable, Target, TargetGroup
from crmkit.ui.widgets.message import Message
from crmkit.ui.widgets.stepper import Step, Stepper, StepState
from crmkit.ui.widgets.uploader import Uploader
from crmkit.ui.widgets.value_map import MappedValue, ValueMap

__all__ = [
    "Chip",
    "ComparedField",
    "ComparedSection",
    "Comparison",
    "Component",
    "ConnectionGuard",
    "Disclosure",
    "Downloader",
    "Event",
    "FilterChips",
    "Grid",
    "GridColumn",
    "GridKind",
    "GridSource",
    "Location",
    "MappedValue",
    "MappingRow",
    "MappingTable",
    "Message",
    "Step",
    "StepState",
    "Stepper",
    "Target",
    "TargetGroup",
    "Uploader",
    "ValueMap",
]
