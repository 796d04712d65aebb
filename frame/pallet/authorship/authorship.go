// Package authorship is pallet-authorship: who made the block under construction.
package authorship

import "pileus/frame"

// Config is what a runtime decides.
type Config struct {
	// FindAuthor finds the author in the block's digest.
	FindAuthor func() (frame.AccountID, bool)
	// NoteAuthor is told the author; nil: nobody.
	NoteAuthor func(frame.AccountID)
}

// Pallet keeps the author while a block is made.
type Pallet struct {
	frame.Pallet
	Config
	author frame.Value[frame.AccountID]
}

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	p.Crate = "pallet_authorship"
	p.author = frame.NewOptionValue(&p.Pallet, "Author", frame.Account)
	return p
}

// OnInitialize finds the author.
func (p *Pallet) OnInitialize(uint32) frame.Weight {
	if who, ok := p.Author(); ok && p.NoteAuthor != nil {
		p.NoteAuthor(who)
	}
	return frame.Weight{}
}

// OnFinalize forgets the author.
func (p *Pallet) OnFinalize(uint32) { p.author.Kill() }

// Author is the author of the block under construction.
func (p *Pallet) Author() (frame.AccountID, bool) {
	if who, ok := p.author.TryGet(); ok {
		return who, true
	}
	if p.FindAuthor == nil {
		return frame.AccountID{}, false
	}
	who, ok := p.FindAuthor()
	if ok {
		p.author.Put(who)
	}
	return who, ok
}
