package main

import "github.com/spf13/cobra"

func (s *session) topCommand() *cobra.Command { return &cobra.Command{Use: "top", Hidden: true} }
