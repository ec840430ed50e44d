password = "hunter2"
pasword = "hunter2x"
