"""Users' own images in the database. The public ones are in `image_catalogue`."""

from dataclasses import asdict, dataclass

from glows_nb.sandbox.store.database import Database

READY = 0
PENDING = 1
"""The sample shows 0. That it is what an image has when it can be used, and that 1 comes before, is invented."""

PENDING_SECONDS = 60.0
"""Invented: how long the service takes to fetch an image."""


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """An image that a user has submitted as a link to a registry."""

    hash: str
    owner: int
    link: str
    name: str
    created: float
    ready_at: float

    def status(self, now: float) -> int:
        """Return the number of the status that it has at virtual time `now`."""
        return READY if self.ready_at <= now else PENDING


class ImageStore:
    """All SQL about images."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, image: OwnImage) -> None:
        """Write down a new image."""
        values = asdict(image)
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        self._database.write(f"INSERT INTO images ({names}) VALUES ({marks})", values)

    def image(self, hash_: str) -> OwnImage | None:
        """Return the image with that id, whoever owns it."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM images WHERE hash = ?", (hash_,))
        return None if row is None else OwnImage(**dict(row))

    def images(self, owner: int) -> list[OwnImage]:
        """Return all images of a user, newest first."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM images WHERE owner = ? ORDER BY seq DESC", (owner,))
        return [OwnImage(**dict(row)) for row in rows]

    def has_link(self, owner: int, link: str) -> bool:
        """Has the user submitted that very link?"""
        return self._database.row("SELECT 1 FROM images WHERE owner = ? AND link = ?", (owner, link)) is not None

    def pending_count(self, owner: int, now: float) -> int:
        """Return how many of a user's images are not ready yet."""
        return self._database.number("SELECT COUNT(*) FROM images WHERE owner = ? AND ready_at > ?", (owner, now))

    def delete(self, hash_: str) -> None:
        """Forget an image."""
        self._database.write("DELETE FROM images WHERE hash = ?", (hash_,))


_COLUMNS = ", ".join(OwnImage.__dataclass_fields__)
