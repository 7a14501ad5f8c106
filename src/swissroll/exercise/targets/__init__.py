"""What the exercise's source becomes: notebooks for people, nbgrader and otter, and Gradescope's autograder."""

from __future__ import annotations
