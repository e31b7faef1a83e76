"""The resources of an `AsyncClient`: those of `resources`, every method awaited."""
