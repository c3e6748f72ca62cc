/* Sine and cosine of an angle in turns, by polynomials without branches: loops over it
 * vectorise and give the same bits with any library. */
#ifndef IMAGE_TURNS_H
#define IMAGE_TURNS_H

/* x less the nearest whole number, |x| < 2^51; rounding by the place where the last bit of
 * a double counts 1. */
static inline double ci_turns_fraction(double x)
{
    const double shift = 0x1.8p52;
    return x - ((x + shift) - shift);
}

/* cos and sin of 2 pi x, |x| <= 1/2, from half the angle a = pi x: sin 2a = 2 sin a cos a,
 * cos 2a = 1 - 2 sin^2 a. Absolute error 4e-16. */
static inline void ci_turns_cos_sin64(double x, double *c, double *s)
{
    double a = 3.14159265358979323846 * x, z = a * a;
    double p = -1.0 / 51090942171709440000.0; /* Taylor series up to a^21 and a^20 */
    double q = 1.0 / 2432902008176640000.0;
    p = 1.0 / 121645100408832000.0 + z * p;
    p = -1.0 / 355687428096000.0 + z * p;
    p = 1.0 / 1307674368000.0 + z * p;
    p = -1.0 / 6227020800.0 + z * p;
    p = 1.0 / 39916800.0 + z * p;
    p = -1.0 / 362880.0 + z * p;
    p = 1.0 / 5040.0 + z * p;
    p = -1.0 / 120.0 + z * p;
    p = 1.0 / 6.0 + z * p;
    q = -1.0 / 6402373705728000.0 + z * q;
    q = 1.0 / 20922789888000.0 + z * q;
    q = -1.0 / 87178291200.0 + z * q;
    q = 1.0 / 479001600.0 + z * q;
    q = -1.0 / 3628800.0 + z * q;
    q = 1.0 / 40320.0 + z * q;
    q = -1.0 / 720.0 + z * q;
    q = 1.0 / 24.0 + z * q;
    q = -0.5 + z * q;
    double sine = a - a * z * p, cosine = 1.0 + z * q;
    *c = 1.0 - 2.0 * sine * sine;
    *s = 2.0 * sine * cosine;
}

/* The same in single precision, absolute error 3e-7. */
static inline void ci_turns_cos_sin32(float x, float *c, float *s)
{
    float a = 3.14159265f * x, z = a * a;
    float p = 1.0f / 6227020800.0f, q = 1.0f / 479001600.0f;
    p = -1.0f / 39916800.0f + z * p;
    p = 1.0f / 362880.0f + z * p;
    p = -1.0f / 5040.0f + z * p;
    p = 1.0f / 120.0f + z * p;
    p = -1.0f / 6.0f + z * p;
    q = -1.0f / 3628800.0f + z * q;
    q = 1.0f / 40320.0f + z * q;
    q = -1.0f / 720.0f + z * q;
    q = 1.0f / 24.0f + z * q;
    q = -0.5f + z * q;
    float sine = a + a * z * p, cosine = 1.0f + z * q;
    *c = 1.0f - 2.0f * sine * sine;
    *s = 2.0f * sine * cosine;
}

static inline void ci_turns_cos_sin(double x, double *c, double *s)
{
    ci_turns_cos_sin64(ci_turns_fraction(x), c, s);
}

#endif
