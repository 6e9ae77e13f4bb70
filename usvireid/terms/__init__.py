"""Terms of training: a loss together with the memory it acts against."""
