"""What moderators write down about a viewer."""
