"""A button that opens a machine's address, whose token is neither in the output nor in the widget's state."""

from __future__ import annotations

from typing import Any

import ipywidgets

from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import AccessUrl
from glows_nb.frames.tables import SANDBOX_BADGE
from glows_nb.widgets import texts
from glows_nb.widgets.controls import button
from glows_nb.widgets.front_end import CONTAINER, FrontEnd
from glows_nb.widgets.markup import escaped


class OpenButton(ipywidgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """Opens `address` in a new tab at a click; the address goes to the page as a message, which nothing keeps."""

    def __init__(self, instance: Instance, address: AccessUrl) -> None:
        self._address = address
        self.button = button(texts.OPEN, self._open, tooltip=texts.OPEN_HINT.format(address=address.without_secret))
        badge = SANDBOX_BADGE if instance.is_sandbox else ""
        what = escaped(texts.OPEN_WHAT.format(machine=instance.instance_id, address=address.without_secret))
        self._words = f"{badge} {what}"
        self.front_end = FrontEnd()
        super().__init__([self.button, ipywidgets.HTML(self._words), self.front_end])
        self.add_class(CONTAINER)

    def _open(self) -> None:
        self.front_end.open_page(self._address.get_secret_value())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The button; where no widget lives, what it would open."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/plain"] = f"<OpenButton {self._address.without_secret}>"
            bundle["text/html"] = f"<p>{self._words}; {escaped(texts.OPEN_LIVE)}</p>"
        return bundle
