"""The web dashboard: login with Discord, navigation and layout. Features bring their own pages."""
