token = "from the file"
sites = { b = { ip = 12 }, a = { ip = 11, note = "x" } }
