/* SPDX-License-Identifier: BSD-2-Clause */
/* Which end of a message is ours, when nobody told. */
#include "collectors/hep/hep_learn.h"

static bool is_ours(const struct hep_learn *learn, const struct hep_endpoint *e);
static bool is_our_host(const struct hep_learn *learn, const struct hep_endpoint *e);
static unsigned settle(struct hep_learn *learn, const struct hep_endpoint *source,
                       const struct hep_endpoint *destination);
static unsigned guess(struct hep_learn *learn, const struct hep_endpoint *source,
                      const struct hep_endpoint *destination, bool is_request);
static unsigned ends(bool source, bool destination);

unsigned
hep_learn_message(struct hep_learn *learn, const struct hep_endpoint *source,
                  const struct hep_endpoint *destination, bool is_request)
{
    unsigned found = ends(is_ours(learn, source), is_ours(learn, destination));

    if (found != 0)
        return found;
    found = ends(is_our_host(learn, source), is_our_host(learn, destination));
    if (found == HEP_LEARN_SOURCE || found == HEP_LEARN_DESTINATION)
        return found;
    found = settle(learn, source, destination);
    if (found != 0)
        return found;
    return guess(learn, source, destination, is_request);
}

static bool
is_ours(const struct hep_learn *learn, const struct hep_endpoint *e)
{
    for (unsigned i = 0; i < learn->n_ours; i++)
        if (hep_endpoint_equal(&learn->ours[i], e))
            return true;
    return false;
}

static bool
is_our_host(const struct hep_learn *learn, const struct hep_endpoint *e)
{
    for (unsigned i = 0; i < learn->n_ours; i++)
        if (hep_endpoint_same_host(&learn->ours[i], e))
            return true;
    return false;
}

/* A third end beside exactly one of the two guessed between: that one is ours. */
static unsigned
settle(struct hep_learn *learn, const struct hep_endpoint *source, const struct hep_endpoint *destination)
{
    unsigned with_guess =
        ends(hep_endpoint_equal(&learn->guess, source), hep_endpoint_equal(&learn->guess, destination));
    unsigned with_other =
        ends(hep_endpoint_equal(&learn->other, source), hep_endpoint_equal(&learn->other, destination));

    if (!learn->guessing || (with_guess != 0) == (with_other != 0) || learn->n_ours == HEP_LEARN_MAX)
        return 0;
    learn->ours[learn->n_ours++] = with_guess ? learn->guess : learn->other;
    learn->guessing = false;
    if (with_other)
        learn->guessed_wrong += learn->guessed;
    return (with_guess | with_other) | HEP_LEARN_SETTLED;
}

static unsigned
guess(struct hep_learn *learn, const struct hep_endpoint *source, const struct hep_endpoint *destination,
      bool is_request)
{
    const struct hep_endpoint *ours = is_request ? destination : source;
    const struct hep_endpoint *theirs = is_request ? source : destination;
    bool same_pair =
        (hep_endpoint_equal(&learn->guess, source) && hep_endpoint_equal(&learn->other, destination)) ||
        (hep_endpoint_equal(&learn->guess, destination) && hep_endpoint_equal(&learn->other, source));

    if (!learn->guessing || !same_pair) {
        learn->guess = *ours;
        learn->other = *theirs;
        learn->guessing = true;
        learn->guessed = 0;
    }
    learn->guessed++;
    return hep_endpoint_equal(&learn->guess, source) ? HEP_LEARN_SOURCE : HEP_LEARN_DESTINATION;
}

static unsigned
ends(bool source, bool destination)
{
    return (source ? HEP_LEARN_SOURCE : 0) | (destination ? HEP_LEARN_DESTINATION : 0);
}
