"""Programs for those who work on glows_nb; nothing here is installed."""
