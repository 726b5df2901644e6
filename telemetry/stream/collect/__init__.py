"""Many rigs, one server: collects the streams of other servers and passes each on, with an overview of all.

Each rig has one connection that is always open and gets two samples a second, for the overview. A second one, with all
samples, is open only while a client of this server looks at that rig. Nothing of one rig waits for another.
"""
