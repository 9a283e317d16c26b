"""The threshold network, the pivot of the study: what training ends in and every simulator starts from."""
