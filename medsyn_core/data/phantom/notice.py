"""Where the phantom's anatomy comes from and what may be done with it."""

NOTICE = (
    "Procedural phantom built on the ICBM 152 average brain: synthetic, not patients. It shows mechanisms, not "
    "clinical performance; rank methods on real data before believing a ranking. Anatomy: MNI/ICBM 2009a template "
    "as shipped with nilearn (Fonov et al., NeuroImage 54:313, 2011; NeuroImage 47:S102, 2009). "
    "Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, "
    "McGill University. Permission to use, copy, modify, and distribute this software and its documentation for "
    "any purpose and without fee is hereby granted, provided that the above copyright notice appear in all copies. "
    "The template is provided as is, without warranty."
)
"""Printed on the book's data page, carried by every cohort and written beside every generated folder."""
