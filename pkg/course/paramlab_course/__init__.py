"""The instructor's side of the coursework: release, collect, grade, feedback, export.

It is a distribution of its own, never part of the wheel that students install.
"""

from paramlab_course.source import Choice, Function, Number, Written

__all__ = ["Choice", "Function", "Number", "Written"]
