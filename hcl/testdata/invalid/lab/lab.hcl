lab "t" {
  client      = "a\u001bb"
  description = ["x"]
  clinet      = 1
}
machine "m" {
  image = image.i
}
image "i" {
  source = "lab.hcl"
}
