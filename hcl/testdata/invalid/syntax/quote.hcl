lab "t {
