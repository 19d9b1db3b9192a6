"""From looks to pixels: DOT, Graphviz, and the strokes and texts on a canvas."""
