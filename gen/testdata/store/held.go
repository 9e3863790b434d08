package store

import "github.com/espalier-go/espalier/sup"

type Held struct {
	DB sup.Child[*DB]
}

type Tree struct {
	sup.Tree
	DB sup.Child[*DB]
}
