"""Settings that the user may change: traits of `Glows`, by `%config Glows.ask_above = 1` or in ipython_config.py."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Final

from traitlets import Bool, Float, Int, List, TraitError, Unicode, observe, validate
from traitlets.config import Config, Configurable

from glows_nb.api.errors import InvalidRequest
from glows_nb.commands.group import CommandError
from glows_nb.frames.tables import MOST_ROWS, set_most_rows
from glows_nb.ledger.days import use_zone, zone_named
from glows_nb.money import exact_amount


class Number(Float[float, float | int | str]):
    """A number, or a text that is one; a truth value is none, and neither is what has no end."""

    def validate(self, obj: Any, value: Any) -> float:
        """The number, within its bounds."""
        try:
            number = float(exact_amount(value))
        except ValueError:
            raise TraitError(f"Glows.{self.name} must be a number, not {value!r}") from None
        return super().validate(obj, number)


class Glows(Configurable):
    """What %glows does where a line does not say."""

    ask_above = Number(0.0, min=0.0, help="launch asks above this, Credits/h; 0 always asks.").tag(config=True)
    image = Unicode("", help="An image's id, for launch and specs; '' is a base image.").tag(config=True)
    max_price = Number(0.0, min=0.0, help="The most launch may pay, Credits/h; 0 is no limit.").tag(config=True)
    most_rows = Int(MOST_ROWS, min=1, help="How many rows of a table are shown.").tag(config=True)
    regions = List(Unicode(), help="For launch, in this order; [] is the cheapest.").tag(config=True)
    trust_machines = Bool(False, help="Show what machines' cells display as it is, scripts too.").tag(config=True)
    tz = Unicode("", help="Whose days count, such as Asia/Taipei; '' is this computer's.").tag(config=True)
    wait_timeout = Number(600.0, min=1.0, help="Seconds to wait without --timeout.").tag(config=True)

    def update_config(self, config: Config) -> None:
        """Take over what `%config Glows.name = value` says.

        Raises:
            CommandError: there is no such setting, or it can't have this value.
        """
        names = self.class_trait_names(config=True)
        for name in config.get(type(self).__name__, {}):
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}."
                raise CommandError(f"Glows has no setting {name!r}; {hint}")
        try:
            super().update_config(config)
        except TraitError as error:
            raise CommandError(f"{error}".rstrip(".") + ".") from None

    @validate("tz")
    def _check_zone(self, proposal: Any) -> Any:
        try:
            return proposal["value"] and zone_named(proposal["value"]) and proposal["value"]
        except InvalidRequest as error:
            raise TraitError(f"Glows.{error}") from None

    @observe("tz")
    def _count_its_days(self, change: Any) -> None:
        use_zone(change["new"])

    @observe("most_rows")
    def _show_so_many_rows(self, change: Any) -> None:
        set_most_rows(change["new"])


_in_use: Final = [Glows()]


def settings() -> Glows:
    """The settings in use."""
    return _in_use[0]


def use_settings(chosen: Glows) -> None:
    """Use these from now on."""
    _in_use[:] = [chosen]
    set_most_rows(chosen.most_rows)
    use_zone(chosen.tz)
