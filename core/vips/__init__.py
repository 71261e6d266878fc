"""VIP on Twitch for a limited time: by channel points, by hand, by subscription, bits, watchtime or a
raffle. Twitch is only called by `runner`; everything else writes down what should be.
"""
