"""The broker of the house: one connection, kept alive, over which staff are called and answer."""
