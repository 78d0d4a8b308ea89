"""What an engine stands on: its ports, the policies in force, what it can run, and who is who."""

from __future__ import annotations

from hitl_fsm.model.actor import Actor
from hitl_fsm.model.run import Run
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.ports import Store
from hitl_fsm.runtime.given import checked_actor, checked_name
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.policies.in_force import InForce
from hitl_fsm.runtime.recipe import Recipe

By = Actor | str | None
"""Who does something: an actor, or a name that the application's lookup knows."""


class Ground:
    """Nothing here moves a run; what does takes this."""

    def __init__(self, parts: Parts) -> None:
        self.in_force = InForce(parts)
        self._recipes: dict[tuple[str, str], Recipe] = {}

    @property
    def parts(self) -> Parts:
        return self.in_force.parts

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def policies(self) -> PolicySet:
        return self.parts.policies

    def register(self, recipe: Recipe) -> None:
        """Make runs of this agent or callable continuable by their id; the last one of a name counts."""
        checked_name(recipe.name, f"the name of the {recipe.kind}")
        self._recipes[recipe.kind, recipe.name] = recipe

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """What is registered: agents, and gated callables."""
        return tuple(self._recipes.values())

    def recipe(self, run: Run) -> Recipe | None:
        """What the run is of, where this process knows it."""
        return self._recipes.get((run.kind, run.name))

    def actor(self, who: By, otherwise: Actor) -> Actor:
        """An actor, a name that the application's lookup knows, or None for `otherwise`.

        Raises InputRefused for anything else, and for an actor whose fields are not what they should be.
        """
        if who is None:
            return otherwise
        if not isinstance(who, str):
            return checked_actor(who)
        name = checked_name(who, "the actor's name")
        found: Actor | None = self.parts.actors(name)
        return Actor(id=name) if found is None else checked_actor(found, "the actor that the lookup returned")
