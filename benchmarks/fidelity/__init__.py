"""How faithful synthetic tables are, beside peers, floors and ceilings."""
