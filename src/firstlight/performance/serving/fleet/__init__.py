"""A fleet over hours: a fluid course of its replicas, and requests played on samples of them."""

from __future__ import annotations

from firstlight.performance.serving.fleet.course import Course, Member, course
from firstlight.performance.serving.fleet.hours import Hours, playable
from firstlight.performance.serving.fleet.play import Replicated, play_fleet, served_model
from firstlight.performance.serving.fleet.result import FleetResult

__all__ = ["Course", "FleetResult", "Hours", "Member", "Replicated", "course", "play_fleet", "playable", "served_model"]
