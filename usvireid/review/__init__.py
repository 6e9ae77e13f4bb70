"""A person looks at the crops of a run and says what is right: the answers, what is asked, and the page."""
