// Stand-in for a syntax check; see README.md.
#pragma once
