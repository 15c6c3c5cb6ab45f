"""From traffic to what a network of packets does with it: queues, windows, marks, trimmed packets, lotteries."""
