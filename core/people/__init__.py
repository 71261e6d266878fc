"""Who the viewers are: platform accounts, known by their user id, labelled with today's name."""
