"""The web dashboard: login, navigation and layout. Features declare their own pages."""
