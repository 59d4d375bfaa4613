# SPDX-License-Identifier: BSD-2-Clause
"""SNMP held against another count, object by object."""

SUMMARY = ("sipCommonSummaryInRequests", "sipCommonSummaryOutRequests", "sipCommonSummaryInResponses",
           "sipCommonSummaryOutResponses", "sipCommonSummaryTotalTransactions")
METHODS = ("sipCommonMethodStatsInbounds", "sipCommonMethodStatsOutbounds")
STATUS_CODES = ("sipCommonStatusCodeIns", "sipCommonStatusCodeOuts")
RETRIES = ("sipCommonStatsRetries", "sipCommonStatsRetryFinalResponses", "sipCommonStatsRetryNonFinalResponses")
OTHERS = ("sipCommonOtherStatsNumUnsupportedUris", "sipCommonOtherStatsNumUnsupportedMethods",
          "sipCommonOtherStatsOtherwiseDiscardedMsgs")
REGISTRAR = ("sipServerRegStatsAcceptedRegs", "sipServerRegStatsRejectedRegs")
PROXY = ("sipServerProxyStatProxyReqFailures",)
ALL = SUMMARY + METHODS + STATUS_CODES + RETRIES + OTHERS + REGISTRAR + PROXY
TABLES = ("sipCommonSummaryStatsTable", "sipCommonMethodStatsTable", "sipCommonStatusCodeTable",
          "sipCommonStatsRetryTable", "sipCommonOtherStatsTable", "sipCommonTransCurrentTable",
          "sipServerRegStatsTable", "sipServerProxyStatsTable")


def served(site, appl_index, tables=TABLES):
    """{(object, index without the application's ...): value} of one instance."""
    values = {}
    for table in tables:
        for key, value in site.walk(table).items():
            if len(key) > 1 and key[1] == appl_index:
                values[(key[0],) + key[2:]] = value
    return values


def differences(expected, values, objects=ALL):
    """Lines that say what differs; a row that is not there counts as 0, and so does one that was not expected."""
    keys = {key for key in list(expected) + list(values) if key[0] in objects}
    return ["%s: expected %d, SNMP has %s" % (label(key), expected.get(key, 0), values.get(key, "no such row"))
            for key in sorted(keys, key=str) if expected.get(key, 0) != values.get(key, 0)]


def label(key):
    return key[0] + "".join("." + str(part) for part in key[1:])


def report_groups(report, what, expected, values):
    """One line of the report for each group of objects."""
    for name, objects in (("summary", SUMMARY), ("methods", METHODS), ("status codes", STATUS_CODES),
                          ("retransmissions", RETRIES), ("other", OTHERS), ("registrar", REGISTRAR), ("proxy", PROXY)):
        wrong = differences(expected, values, objects)
        counted = [key for key in expected if key[0] in objects and expected[key]]
        total = sum(expected[key] for key in counted)
        report.check("%s: %s, %d objects, sum %d" % (what, name, len(counted), total), not wrong, "; ".join(wrong))
