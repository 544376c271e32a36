package ecs

const MaxDepth = len(object{}.open)
