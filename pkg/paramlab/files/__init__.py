"""Every file that a reader may bring, and one road from it to a count or to a model that runs."""
