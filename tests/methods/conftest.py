import pytest

from tests.methods import small


@pytest.fixture(scope="session")
def patients_cache(tmp_path_factory):
    """Where the patients' cohort is prepared, once a session."""
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(scope="session")
def patients(patients_cache):
    """The ten patients, divided."""
    return small.patients(patients_cache)


@pytest.fixture(scope="session")
def taught(patients):
    """A trained teacher."""
    return small.fit(small.teacher(), patients)
