/* How far Student's t goes as seldom as a normal distribution does. */
#include "contimg/num.h"

#include <math.h>

double ci_num_student(double sigma, double n_free)
{
    double z = sigma * (8 * n_free + 3) / (8 * n_free + 1);
    return sqrt(n_free * expm1(z * z / n_free));
}
