"""Pages that the server writes: sign-in, one-time links, one's own account. They need no script and
stand beside the app; `building.pages_router` puts them on the app port."""
