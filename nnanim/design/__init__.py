"""How it looks, fixed before the first frame: colours, fonts, words, and where everything stands."""
