"""Which process paints and packs what."""
