missin = 1
