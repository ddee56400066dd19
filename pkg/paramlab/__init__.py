"""paramlab: what the parameters of a language model are, counted and measured."""
