"""The gallery: every scenario and every kind of benign life on one page, with and without it; and a picture of each pack."""
