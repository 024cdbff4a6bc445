"""What the doctor looks at beside the sound: the clock, the network, the board, the disk, rights and lines."""
