"""VIP on Twitch for a limited time: by channel points, by hand, by subscription, bits, watchtime or
a raffle. Only `runner` calls Twitch; everything else writes down what should be.
"""
