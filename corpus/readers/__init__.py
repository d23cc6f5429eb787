"""From bytes to rows, of each kind of file and of the Hub: bounded, whatever they hold."""
